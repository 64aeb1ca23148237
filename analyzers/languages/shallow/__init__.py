"""What the readers of languages without a lane share: a scanner of syntax trees that tables of names drive.

`table` loads what names mean, `scan` finds the names in source, `facts` turns what was found into facts,
`state` looks for memory that requests share, `settings` reads configuration files, `build` follows a file of
the image back to the folder of the repository that it was built from.
"""
