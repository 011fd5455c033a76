"""Parts of the scenario runner; see ../run."""
