"""C# services from whole small trees: project, references, listener, packages, options, facts, routes."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzers.model import DependencyClass, FactKind, Inbound, Source
from tests.analyzers import trees

DOCKERFILE = """\
FROM mcr.microsoft.com/dotnet/sdk:8.0 AS build
WORKDIR /src
COPY . .
RUN dotnet publish src/Api/Api.csproj -c Release -o /out
FROM mcr.microsoft.com/dotnet/aspnet:8.0
WORKDIR /app
COPY --from=build /out .
{more}
ENTRYPOINT ["dotnet", "Api.dll"]
"""
PROJECT = """\
<Project Sdk="Microsoft.NET.Sdk.Web">
  <PropertyGroup><TargetFramework>net8.0</TargetFramework></PropertyGroup>
  <ItemGroup>
    {items}
  </ItemGroup>
</Project>
"""
LIBRARY = '<Project Sdk="Microsoft.NET.Sdk"><ItemGroup>{items}</ItemGroup></Project>\n'


def package(name: str, version: str = "") -> str:
    return f'<PackageReference Include="{name}"' + (f' Version="{version}"' if version else "") + " />"


def api(
    root: Path, program: str, files: dict[str, str] | None = None, items: str = "", more: str = ""
) -> Source:
    """The source of an ASP.NET Core service in `src/Api`."""
    tree = {
        "Dockerfile": DOCKERFILE.replace("{more}", more),
        "src/Api/Api.csproj": PROJECT.replace("{items}", items),
        "src/Api/Program.cs": program,
        **(files or {}),
    }
    source = trees.only(root, tree).source
    assert source is not None
    return source


MINIMAL = """\
var builder = WebApplication.CreateBuilder(args);
builder.Services.AddHttpClient();
var app = builder.Build();
app.MapGet("/items/{id}", (int id) => id);
app.Run();
"""


def test_a_minimal_api(tmp_path: Path) -> None:
    source = api(tmp_path, MINIMAL)
    assert (source.language, source.framework, source.interface) == ("csharp", "aspnetcore", "aspnetcore")
    assert (source.root, source.entry) == ("src/Api", "src/Api/Program.cs")
    assert [(r.method, r.path, str(r.evidence)) for r in source.routes] == [
        ("GET", "/items/{id}", "src/Api/Program.cs:4")
    ]
    listen = trees.found(source, FactKind.LISTEN)
    assert {name: fact.detail for name, fact in listen.items()} == {"http": "8080"}
    assert set(trees.found(source, FactKind.OUTBOUND)) == {"http"}


def test_the_port_that_the_environment_states(tmp_path: Path) -> None:
    source = api(tmp_path, MINIMAL, more="ENV ASPNETCORE_URLS=http://+:5001")
    assert trees.found(source, FactKind.LISTEN)["http"].detail == "5001"


def test_a_controller_with_the_path_of_its_class(tmp_path: Path) -> None:
    controller = """\
    [ApiController]
    [Route("api/[controller]")]
    public class ItemsController : ControllerBase
    {
        private static readonly Dictionary<string, int> Stock = new();
        [HttpGet("{id}")]
        public int Get(string id) => Stock[id];
        [HttpPost]
        public void Add(string id) { Stock[id] = 1; }
    }
    """
    source = api(tmp_path, MINIMAL, {"src/Api/ItemsController.cs": controller})
    routes = {(route.method, route.path) for route in source.routes}
    assert {("GET", "/api/items/{id}"), ("POST", "/api/items")} <= routes
    state = trees.found(source, FactKind.MEMORY_STATE)
    assert [str(e) for e in state["ItemsController.Stock"].evidence] == ["src/Api/ItemsController.cs:9"]


def test_shared_projects_count_as_far_as_they_are_reached(tmp_path: Path) -> None:
    files = {
        "src/Core/Core.csproj": LIBRARY.replace("{items}", package("MailKit", "4.8.0")),
        "src/Core/Orders.cs": "public class Orders { void Go() { new NpgsqlConnection(s); } }\n",
        "src/Core/Mailer.cs": 'public class Mailer { void Go() { new SmtpClient("x"); } }\n',
        "src/Core/Tools.cs": 'public class Tools { void Go() { Process.Start("git"); } }\n',
        "src/Core/Setup.cs": "public static class Setup {\n"
        "  public static void AddOrders(this IServiceCollection services) {\n"
        "    services.AddScoped<Orders>();\n  }\n"
        "  public static void AddMail(this IServiceCollection services) {\n"
        "    services.AddScoped<Mailer>();\n  }\n}\n",
    }
    program = MINIMAL.replace("AddHttpClient", "AddOrders")
    source = api(tmp_path, program, files, '<ProjectReference Include="..\\Core\\Core.csproj" />')
    assert set(trees.found(source, FactKind.DATABASE)) == {"postgres"}
    assert not trees.found(source, FactKind.OUTBOUND)
    assert not trees.found(source, FactKind.SUBPROCESS)


def test_what_a_setting_switches_on_is_off(tmp_path: Path) -> None:
    program = """\
    var builder = WebApplication.CreateBuilder(args);
    if (!string.IsNullOrEmpty(builder.Configuration["REDIS_ADDR"]))
    {
        builder.Services.AddStackExchangeRedisCache(o => { });
    }
    else
    {
        builder.Services.AddDistributedMemoryCache();
    }
    if (!builder.Environment.IsDevelopment()) { builder.Services.AddDbContext<X>(o => o.UseSqlServer(c)); }
    """
    source = api(tmp_path / "off", program)
    assert not trees.found(source, FactKind.OUTBOUND)
    assert set(trees.found(source, FactKind.DATABASE)) == {"mssql"}
    source = api(tmp_path / "on", program, more="ENV REDIS_ADDR=redis:6379")
    assert set(trees.found(source, FactKind.OUTBOUND)) == {"redis"}


def test_a_database_that_only_settings_choose(tmp_path: Path) -> None:
    program = """\
    var builder = WebApplication.CreateBuilder(args);
    if (provider == "a") { builder.Services.AddDbContext<X>(o => o.UseNpgsql(c)); }
    if (provider == "b") { builder.Services.AddDbContext<X>(o => o.UseMySql(c)); }
    """
    assert set(trees.found(api(tmp_path, program), FactKind.DATABASE)) == {"postgres", "mysql"}


def test_central_versions_and_native_packages(tmp_path: Path) -> None:
    central = (
        '<Project><ItemGroup><PackageVersion Include="SkiaSharp" Version="3.116.1" /></ItemGroup></Project>'
    )
    program = "using SkiaSharp;\n" + MINIMAL
    source = api(tmp_path, program, {"Directory.Packages.props": central}, package("SkiaSharp"))
    (skia,) = [one for one in source.dependencies if one.name == "SkiaSharp"]
    assert (skia.version, skia.kind, skia.imported) == ("3.116.1", DependencyClass.NATIVE, True)


def test_grpc_alone(tmp_path: Path) -> None:
    program = (
        "var app = WebApplication.CreateBuilder(args).Build();\n"
        'app.MapGrpcService<Greeter>();\napp.MapGet("/", () => "gRPC only");\n'
    )
    tree = {
        "Dockerfile": DOCKERFILE.replace("{more}", ""),
        "src/Api/Api.csproj": PROJECT.replace("{items}", ""),
        "src/Api/Program.cs": program,
    }
    service = trees.only(tmp_path, tree)
    assert [(one.protocol, one.port) for one in service.listeners] == [(Inbound.GRPC, 8080)]


def test_a_program_without_a_listener(tmp_path: Path) -> None:
    tree = {
        "Dockerfile": DOCKERFILE.replace("{more}", "").replace("aspnet", "runtime"),
        "src/Api/Api.csproj": LIBRARY.replace("{items}", ""),
        "src/Api/Program.cs": "class P { static void Main() { new SqlConnection(c); } }\n",
    }
    service = trees.only(tmp_path, tree)
    assert service.listeners == ()
    assert set(trees.found(service.source, FactKind.DATABASE)) == {"mssql"} if service.source else False


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(source=st.binary(max_size=300), manifest=st.binary(max_size=200), config=st.binary(max_size=200))
def test_no_bytes_crash_it(tmp_path: Path, source: bytes, manifest: bytes, config: bytes) -> None:
    head = b"static class A { static void B(this IServiceCollection s) { if (x) { s.AddHttpClient("
    files: dict[str, str | bytes] = {
        "Dockerfile": DOCKERFILE.replace("{more}", ""),
        "src/Api/Api.csproj": manifest,
        "src/Api/appsettings.json": config,
        "src/Api/packages.lock.json": config,
        "src/Api/Program.cs": head + source,
    }
    trees.services(tmp_path, files)
    trees.services(tmp_path, {**files, "src/Api/Api.csproj": PROJECT})
