"""The same run under Prefect."""
