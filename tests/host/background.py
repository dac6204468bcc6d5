"""Work that runs beside a test, and whose failure is the test's."""

import asyncio
from contextlib import asynccontextmanager, suppress


@asynccontextmanager
async def beside(work):
    """Run the coroutine `work` for as long as the block lasts; what ended it early is raised at the block's end."""
    run = asyncio.create_task(work)
    try:
        yield
        if run.done():
            run.result()
    finally:
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run
