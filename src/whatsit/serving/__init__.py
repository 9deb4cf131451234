"""HTTP: decode → classify → encode, and the page for people. Needs the extra `serve`; it never trains."""
