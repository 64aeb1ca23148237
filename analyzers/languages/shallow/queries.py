"""Tree-sitter queries of the scanner, one a grammar.

Each pattern captures what it is (`call`, `new`, `import`, `annotation`, `extends`, `function`, `class`,
`field`, `change`) and of it `name`, `args`, `recv`.
"""

from __future__ import annotations

_JAVA = """
(import_declaration [(scoped_identifier) (identifier)] @name) @import
(method_invocation object: (_) @recv name: (identifier) @name arguments: (_) @args) @call
(method_invocation !object name: (identifier) @name arguments: (_) @args) @call
(object_creation_expression type: (_) @name arguments: (_) @args) @new
(marker_annotation name: (_) @name) @annotation
(annotation name: (_) @name arguments: (_) @args) @annotation
(class_declaration name: (identifier) @name) @class
(interface_declaration name: (identifier) @name) @class
(enum_declaration name: (identifier) @name) @class
(record_declaration name: (identifier) @name) @class
(superclass (_) @name) @extends
(super_interfaces (type_list (_) @name)) @extends
(extends_interfaces (type_list (_) @name)) @extends
(method_declaration name: (identifier) @name) @function
(constructor_declaration) @function
(static_initializer) @function
(field_declaration declarator: (variable_declarator name: (identifier) @name)) @field
(assignment_expression left: [(identifier) (field_access)] @name) @change
(update_expression [(identifier) (field_access)] @name) @change
"""

_KOTLIN = """
(import (qualified_identifier) @name) @import
(call_expression . (identifier) @name (value_arguments)? @args) @call
(call_expression . (navigation_expression (_) @recv (identifier) @name .) (value_arguments)? @args) @call
(annotation (user_type) @name) @annotation
(annotation (constructor_invocation (user_type) @name (value_arguments) @args)) @annotation
(class_declaration name: (identifier) @name) @class
(object_declaration name: (identifier) @name) @class
(delegation_specifier (user_type) @name) @extends
(delegation_specifier (constructor_invocation (user_type) @name)) @extends
(function_declaration name: (identifier) @name) @function
(property_declaration (variable_declaration (identifier) @name)) @field
(assignment . (identifier) @name) @change
(assignment . (index_expression . (identifier) @name)) @change
"""

_CSHARP = """
(using_directive [(qualified_name) (identifier)] @name) @import
(invocation_expression function: (member_access_expression expression: (_) @recv name: (_) @name)
  arguments: (_) @args) @call
(invocation_expression function: [(identifier) (generic_name)] @name arguments: (_) @args) @call
(object_creation_expression type: (_) @name arguments: (_)? @args) @new
(attribute name: (_) @name (attribute_argument_list)? @args) @annotation
(class_declaration name: (identifier) @name) @class
(interface_declaration name: (identifier) @name) @class
(struct_declaration name: (identifier) @name) @class
(record_declaration name: (identifier) @name) @class
(base_list (_) @name) @extends
(method_declaration name: (identifier) @name) @function
(local_function_statement name: (identifier) @name) @function
(constructor_declaration) @function
(field_declaration (variable_declaration (variable_declarator name: (identifier) @name))) @field
(assignment_expression left: [(identifier) (member_access_expression)] @name) @change
(assignment_expression left: (element_access_expression expression: (identifier) @name)) @change
(postfix_unary_expression (identifier) @name) @change
(prefix_unary_expression (identifier) @name) @change
"""

_PHP = """
(namespace_use_clause [(qualified_name) (name)] @name) @import
(function_call_expression function: [(name) (qualified_name)] @name arguments: (_) @args) @call
(scoped_call_expression scope: (_) @recv name: (name) @name arguments: (_) @args) @call
(member_call_expression object: (_) @recv name: (name) @name arguments: (_) @args) @call
(object_creation_expression [(name) (qualified_name)] @name (arguments)? @args) @new
(shell_command_expression) @call
(attribute [(name) (qualified_name)] @name parameters: (_)? @args) @annotation
(class_declaration name: (name) @name) @class
(base_clause (_) @name) @extends
(class_interface_clause (_) @name) @extends
(method_declaration name: (name) @name) @function
(function_definition name: (name) @name) @function
"""

_RUBY = """
(call receiver: (_) @recv method: (_) @name arguments: (_)? @args) @call
(call !receiver method: (_) @name arguments: (_)? @args) @call
(subshell) @call
(class name: (_) @name) @class
(module name: (_) @name) @class
(superclass (_) @name) @extends
(method name: (_) @name) @function
(singleton_method name: (_) @name) @function
(assignment left: [(class_variable) (global_variable) (constant)] @name) @field
(assignment left: [(class_variable) (global_variable)] @name) @change
(operator_assignment left: [(class_variable) (global_variable)] @name) @change
(assignment left: (element_reference object: [(class_variable) (global_variable) (constant)] @name)) @change
(operator_assignment
  left: (element_reference object: [(class_variable) (global_variable) (constant)] @name)) @change
(binary left: [(class_variable) (global_variable) (constant)] @name operator: "<<") @change
"""

_ELIXIR = """
(call target: (dot left: (_) @recv right: (identifier) @name) (arguments)? @args) @call
(call target: (identifier) @name (arguments) @args) @call
(call target: (identifier) (arguments . (alias) @name)) @import
"""

QUERIES = {
    "java": _JAVA,
    "kotlin": _KOTLIN,
    "csharp": _CSHARP,
    "php": _PHP,
    "ruby": _RUBY,
    "elixir": _ELIXIR,
}
