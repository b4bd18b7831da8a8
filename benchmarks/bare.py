"""The floor of a call: a bare Starlette handler on uvicorn that reads JSON, inserts one row and answers. A process."""

import asyncio
import socket
import sys

import msgspec
import psycopg_pool
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

ANSWER = msgspec.json.encode({"error": 0, "error_text": "Successful operation"})


async def serve(conninfo: str) -> None:
    pool = psycopg_pool.AsyncConnectionPool(conninfo, min_size=10, open=False)
    await pool.open(wait=True)
    async with pool.connection() as connection:
        await connection.execute("CREATE TABLE IF NOT EXISTS bare (id bigserial PRIMARY KEY, email text)")

    async def insert(request: Request) -> Response:
        called = msgspec.json.decode(await request.body())
        async with pool.connection() as connection:
            await connection.execute("INSERT INTO bare (email) VALUES (%s)", (called["email"],))
        return Response(ANSWER, media_type="application/json")

    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(listening.getsockname()[1], flush=True)
    app = Starlette(routes=[Route("/bare", insert, methods=["POST"])])
    config = uvicorn.Config(app, log_level="error", access_log=False, lifespan="off", http="httptools", loop="uvloop")
    await uvicorn.Server(config).serve([listening])


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
