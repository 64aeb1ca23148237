"""Dockerfiles, exactly as BuildKit reads them: `split`, `expand`, `stages`, `ignore`."""
