"""Runs an untouched WSGI application inside CPython for WASI: files, imports, the gaps of the library, HTTP.

This package is part of the generated tree and is compiled into the component. It needs only the
standard library; the modules whose name starts with `wit_world` are bindings that componentize-py makes.
"""
