"""Tiny wasi:http components, made from text when a test needs one: no toolchain, no network, 4 kB.

`COUNTER` exports `wasi:http/incoming-handler@0.2.0`. What it answers depends on the path:

    /trap    traps before it answers
    /late    answers like any other path and traps afterwards
    /shout   writes the line `shouted` to standard error, then answers
    other    200, text: `calls=<n>` (requests that this instance has seen), then the environment, `K=V` a line
             (`wasmtime serve` adds INSTANCE_ID)

`component()` compiles it. `NOT_HTTP` is a valid component that exports no handler.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

NOT_HTTP = "(component)"

COUNTER = r"""
(component
  (import "wasi:io/error@0.2.0" (instance $io-error
    (export "error" (type (sub resource)))))
  (alias export $io-error "error" (type $error))

  (import "wasi:io/streams@0.2.0" (instance $streams
    (alias outer 1 $error (type $outer-error))
    (export "error" (type $error (eq $outer-error)))
    (export "output-stream" (type $output-stream (sub resource)))
    (type $stream-error' (variant (case "last-operation-failed" (own $error)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $stream-error')))
    (export "[method]output-stream.blocking-write-and-flush" (func
      (param "self" (borrow $output-stream)) (param "contents" (list u8))
      (result (result (error $stream-error)))))))
  (alias export $streams "output-stream" (type $output-stream))

  (import "wasi:cli/environment@0.2.0" (instance $environment
    (export "get-environment" (func (result (list (tuple string string)))))))

  (import "wasi:cli/stderr@0.2.0" (instance $stderr
    (alias outer 1 $output-stream (type $outer-output-stream))
    (export "output-stream" (type $output-stream (eq $outer-output-stream)))
    (export "get-stderr" (func (result (own $output-stream))))))

  (import "wasi:http/types@0.2.0" (instance $http
    (alias outer 1 $output-stream (type $outer-output-stream))
    (export "output-stream" (type $output-stream (eq $outer-output-stream)))
    (type $dns' (record (field "rcode" (option string)) (field "info-code" (option u16))))
    (export "DNS-error-payload" (type $dns (eq $dns')))
    (type $tls' (record (field "alert-id" (option u8)) (field "alert-message" (option string))))
    (export "TLS-alert-received-payload" (type $tls (eq $tls')))
    (type $size' (record (field "field-name" (option string)) (field "field-size" (option u32))))
    (export "field-size-payload" (type $size (eq $size')))
    (type $error-code' (variant
      (case "DNS-timeout") (case "DNS-error" $dns) (case "destination-not-found")
      (case "destination-unavailable") (case "destination-IP-prohibited") (case "destination-IP-unroutable")
      (case "connection-refused") (case "connection-terminated") (case "connection-timeout")
      (case "connection-read-timeout") (case "connection-write-timeout") (case "connection-limit-reached")
      (case "TLS-protocol-error") (case "TLS-certificate-error") (case "TLS-alert-received" $tls)
      (case "HTTP-request-denied") (case "HTTP-request-length-required")
      (case "HTTP-request-body-size" (option u64)) (case "HTTP-request-method-invalid")
      (case "HTTP-request-URI-invalid") (case "HTTP-request-URI-too-long")
      (case "HTTP-request-header-section-size" (option u32)) (case "HTTP-request-header-size" (option $size))
      (case "HTTP-request-trailer-section-size" (option u32)) (case "HTTP-request-trailer-size" $size)
      (case "HTTP-response-incomplete") (case "HTTP-response-header-section-size" (option u32))
      (case "HTTP-response-header-size" $size) (case "HTTP-response-body-size" (option u64))
      (case "HTTP-response-trailer-section-size" (option u32)) (case "HTTP-response-trailer-size" $size)
      (case "HTTP-response-transfer-coding" (option string))
      (case "HTTP-response-content-coding" (option string)) (case "HTTP-response-timeout")
      (case "HTTP-upgrade-failed") (case "HTTP-protocol-error") (case "loop-detected")
      (case "configuration-error") (case "internal-error" (option string))))
    (export "error-code" (type $error-code (eq $error-code')))
    (export "fields" (type $fields (sub resource)))
    (export "headers" (type $headers (eq $fields)))
    (export "trailers" (type $trailers (eq $fields)))
    (export "incoming-request" (type $incoming-request (sub resource)))
    (export "response-outparam" (type $response-outparam (sub resource)))
    (export "outgoing-response" (type $outgoing-response (sub resource)))
    (export "outgoing-body" (type $outgoing-body (sub resource)))
    (export "[constructor]fields" (func (result (own $fields))))
    (export "[method]incoming-request.path-with-query" (func
      (param "self" (borrow $incoming-request)) (result (option string))))
    (export "[constructor]outgoing-response" (func
      (param "headers" (own $headers)) (result (own $outgoing-response))))
    (export "[method]outgoing-response.body" (func
      (param "self" (borrow $outgoing-response)) (result (result (own $outgoing-body)))))
    (export "[method]outgoing-body.write" (func
      (param "self" (borrow $outgoing-body)) (result (result (own $output-stream)))))
    (export "[static]outgoing-body.finish" (func
      (param "this" (own $outgoing-body)) (param "trailers" (option (own $trailers)))
      (result (result (error $error-code)))))
    (export "[static]response-outparam.set" (func
      (param "param" (own $response-outparam))
      (param "response" (result (own $outgoing-response) (error $error-code)))))))
  (alias export $http "incoming-request" (type $incoming-request))
  (alias export $http "response-outparam" (type $response-outparam))

  ;; Strings that the host hands over are laid one after another; each request starts anew.
  (core module $memory
    (memory (export "memory") 4)
    (global $next (export "next") (mut i32) (i32.const 65536))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.set $next (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.get $next)
      (global.set $next (i32.add (global.get $next) (local.get 3)))))
  (core instance $memory (instantiate $memory))
  (alias core export $memory "memory" (core memory $mem))
  (alias core export $memory "realloc" (core func $realloc))

  (core func $path (canon lower (func $http "[method]incoming-request.path-with-query")
    (memory $mem) (realloc $realloc)))
  (core func $new-fields (canon lower (func $http "[constructor]fields")))
  (core func $new-response (canon lower (func $http "[constructor]outgoing-response")))
  (core func $body (canon lower (func $http "[method]outgoing-response.body") (memory $mem)))
  (core func $stream (canon lower (func $http "[method]outgoing-body.write") (memory $mem)))
  (core func $finish (canon lower (func $http "[static]outgoing-body.finish")
    (memory $mem) (realloc $realloc)))
  (core func $set (canon lower (func $http "[static]response-outparam.set") (memory $mem)))
  (core func $write (canon lower (func $streams "[method]output-stream.blocking-write-and-flush")
    (memory $mem)))
  (core func $get-environment (canon lower (func $environment "get-environment")
    (memory $mem) (realloc $realloc)))
  (core func $get-stderr (canon lower (func $stderr "get-stderr")))
  (core func $drop-stream (canon resource.drop $output-stream))
  (core func $drop-request (canon resource.drop $incoming-request))

  (core module $main
    (import "memory" "memory" (memory 4))
    (import "memory" "next" (global $next (mut i32)))
    (import "host" "path" (func $path (param i32 i32)))
    (import "host" "new-fields" (func $new-fields (result i32)))
    (import "host" "new-response" (func $new-response (param i32) (result i32)))
    (import "host" "body" (func $body (param i32 i32)))
    (import "host" "stream" (func $stream (param i32 i32)))
    (import "host" "finish" (func $finish (param i32 i32 i32 i32)))
    (import "host" "set" (func $set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
    (import "host" "write" (func $write (param i32 i32 i32 i32)))
    (import "host" "get-environment" (func $get-environment (param i32)))
    (import "host" "get-stderr" (func $get-stderr (result i32)))
    (import "host" "drop-stream" (func $drop-stream (param i32)))
    (import "host" "drop-request" (func $drop-request (param i32)))
    (data (i32.const 1024) "calls=\n\3dshouted\n/trap/late/shout")
    (global $calls (mut i32) (i32.const 0))

    ;; The path begins with the `length` bytes at `at`.
    (func $path-is (param $at i32) (param $length i32) (result i32)
      (local $i i32)
      (if (i32.lt_u (i32.load (i32.const 8)) (local.get $length)) (then (return (i32.const 0))))
      (loop $next-byte
        (if (i32.ne (i32.load8_u (i32.add (i32.load (i32.const 4)) (local.get $i)))
                    (i32.load8_u (i32.add (local.get $at) (local.get $i))))
          (then (return (i32.const 0))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $next-byte (i32.lt_u (local.get $i) (local.get $length))))
      (i32.const 1))

    (func $put (param $to i32) (param $at i32) (param $length i32)
      (call $write (local.get $to) (local.get $at) (local.get $length) (i32.const 64)))

    (func $put-number (param $to i32) (param $n i32)
      (local $at i32)
      (local.set $at (i32.const 2048))
      (loop $digit
        (local.set $at (i32.sub (local.get $at) (i32.const 1)))
        (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 10))))
        (local.set $n (i32.div_u (local.get $n) (i32.const 10)))
        (br_if $digit (local.get $n)))
      (call $put (local.get $to) (local.get $at) (i32.sub (i32.const 2048) (local.get $at))))

    (func (export "handle") (param $request i32) (param $out i32)
      (local $response i32) (local $body i32) (local $stream i32) (local $at i32) (local $left i32)
      (global.set $next (i32.const 65536))
      (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
      (call $path (local.get $request) (i32.const 0))
      (call $drop-request (local.get $request))
      (if (call $path-is (i32.const 1040) (i32.const 5)) (then unreachable))
      (if (call $path-is (i32.const 1050) (i32.const 6)) (then
        (local.set $stream (call $get-stderr))
        (call $put (local.get $stream) (i32.const 1032) (i32.const 8))
        (call $drop-stream (local.get $stream))))

      (local.set $response (call $new-response (call $new-fields)))
      (call $body (local.get $response) (i32.const 16))
      (local.set $body (i32.load (i32.const 20)))
      (call $set (local.get $out) (i32.const 0) (local.get $response)
        (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
      (call $stream (local.get $body) (i32.const 16))
      (local.set $stream (i32.load (i32.const 20)))
      (call $put (local.get $stream) (i32.const 1024) (i32.const 6))
      (call $put-number (local.get $stream) (global.get $calls))
      (call $put (local.get $stream) (i32.const 1030) (i32.const 1))
      (call $get-environment (i32.const 24))
      (local.set $at (i32.load (i32.const 24)))
      (local.set $left (i32.load (i32.const 28)))
      (block $done (loop $variable
        (br_if $done (i32.eqz (local.get $left)))
        (call $put (local.get $stream) (i32.load (local.get $at)) (i32.load offset=4 (local.get $at)))
        (call $put (local.get $stream) (i32.const 1031) (i32.const 1))
        (call $put (local.get $stream)
          (i32.load offset=8 (local.get $at)) (i32.load offset=12 (local.get $at)))
        (call $put (local.get $stream) (i32.const 1030) (i32.const 1))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $variable)))
      (call $drop-stream (local.get $stream))
      (call $finish (local.get $body) (i32.const 0) (i32.const 0) (i32.const 128))
      (if (call $path-is (i32.const 1045) (i32.const 5)) (then unreachable))))
  (core instance $main (instantiate $main
    (with "memory" (instance $memory))
    (with "host" (instance
      (export "path" (func $path))
      (export "new-fields" (func $new-fields))
      (export "new-response" (func $new-response))
      (export "body" (func $body))
      (export "stream" (func $stream))
      (export "finish" (func $finish))
      (export "set" (func $set))
      (export "write" (func $write))
      (export "get-environment" (func $get-environment))
      (export "get-stderr" (func $get-stderr))
      (export "drop-stream" (func $drop-stream))
      (export "drop-request" (func $drop-request))))))

  (func $handle (param "request" (own $incoming-request)) (param "response-out" (own $response-outparam))
    (canon lift (core func $main "handle")))
  (component $handler
    (import "import-incoming-request" (type $incoming-request (sub resource)))
    (import "import-response-outparam" (type $response-outparam (sub resource)))
    (import "import-handle" (func $handle
      (param "request" (own $incoming-request)) (param "response-out" (own $response-outparam))))
    (export $incoming-request' "incoming-request" (type $incoming-request))
    (export $response-outparam' "response-outparam" (type $response-outparam))
    (export "handle" (func $handle) (func
      (param "request" (own $incoming-request')) (param "response-out" (own $response-outparam')))))
  (instance $handler (instantiate $handler
    (with "import-handle" (func $handle))
    (with "import-incoming-request" (type $incoming-request))
    (with "import-response-outparam" (type $response-outparam))))
  (export "wasi:http/incoming-handler@0.2.0" (instance $handler))
)
"""


@cache
def compiled(text: str) -> bytes:
    """The binary of a component written as text."""
    from wasmtime import wat2wasm

    return bytes(wat2wasm(text))


def write(path: Path, text: str = COUNTER) -> Path:
    """Write a component's binary to `path`."""
    path.write_bytes(compiled(text))
    return path
