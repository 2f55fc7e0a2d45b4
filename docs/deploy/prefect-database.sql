-- The Prefect server keeps its runs in a database of its own, beside the store.
CREATE DATABASE prefect OWNER sitewatch;
