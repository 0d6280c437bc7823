"""PostgreSQL: connections and workspaces, the embedded server, the tables and how they came to be.

Database       one workspace of one database, with its connections
PUBLIC         the name of the company's own workspace
WHOLE          how patient `Database.reading` is with what goes through all that was chosen
open_database  the database that the settings name, brought up to date

`tables` holds the tables as SQLAlchemy knows them, `workspaces` makes and drops workspaces, `migrations` brings one up
to date, `embedded` starts the server of our own, and `transient` says which errors are worth another try.
"""

from core.db.database import PUBLIC, WHOLE, Database
from core.db.opening import open_database

__all__ = ["PUBLIC", "WHOLE", "Database", "open_database"]
