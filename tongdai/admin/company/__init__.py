"""A company as a file: its configuration is written to YAML, compared with it, and made to be as
the file says.

`document` has the parts of a file, `yaml_file` reads and writes it, `snapshot` makes it of rows,
`history` of rows of an earlier moment, `difference` compares two. All these are pure. `applying`
changes the domain.
"""
