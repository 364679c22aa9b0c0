"""Every quoted number, measured again with other master seeds; each result beside its script."""
