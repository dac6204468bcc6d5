"""The community's market: orders, one price, and what everyone owes once the meters have told. See README.md."""
