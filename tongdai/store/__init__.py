"""Remembers. The only room with SQL, all of it literal, hand-written and run through asyncpg."""
