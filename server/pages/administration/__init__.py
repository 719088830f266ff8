"""Pages for administrators of the server, below /administration: `admin` is the account that the first start creates."""
