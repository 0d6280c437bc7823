from sqlalchemy import text

from core.database import Database


def test_a_connection_sees_only_its_workspace(database: Database) -> None:
    with database.connect() as connection:
        assert connection.execute(text("SHOW search_path")).scalar_one() == "public"
        connection.rollback()
        assert connection.execute(text("SHOW search_path")).scalar_one() == "public"
        assert connection.execute(text("SHOW timezone")).scalar_one() == "UTC"
        assert connection.execute(text("SHOW application_name")).scalar_one() == "whetstone"
