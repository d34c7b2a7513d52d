"""The official Python client: trains on a dataset that is there and prints one JSON line. Run by npm run test:clients."""

import asyncio
import json
import os
import sys

from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client


async def main(url: str, mode: str, dataset: str, name: str) -> None:
    headers = {"Authorization": f"Bearer {os.environ['TRAINYARD_TOKEN']}"}
    ticks: list[float] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        ticks.append(done)

    async with create_mcp_http_client(headers=headers) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, mode=mode) as client:

            async def call(tool: str, **arguments):
                result = await client.call_tool(tool, arguments, progress_callback=progress)
                if result.is_error:
                    raise SystemExit(result.content[0].text)
                return result.structured_content

            tools = [tool.name for tool in (await client.list_tools()).tools]
            await call(
                "create_training_config",
                name=name,
                model_name="tiny",
                dataset_path=dataset,
                steps=60,
                test_prompts=["shape 1 on 20"],
            )
            run = await call(
                "run-training-with-guardrails",
                config_name=name,
                monitor_seconds=40,
                poll_interval_seconds=2,
            )
            job_id = run["job_id"]
            while (await call("get-training-status", job_id=job_id))["status"] not in (
                "completed",
                "failed",
                "stopped",
            ):
                await asyncio.sleep(1)
            link = await call("create-download-link", job_id=job_id)
            wrong = await client.call_tool("get-training-status", {"job_id": "job_nothing"})
            print(
                json.dumps(
                    {
                        "revision": client.protocol_version,
                        "tools": len(tools),
                        "ticks": len(ticks),
                        "job_id": job_id,
                        "download_url": link["download_url"],
                        "sha256": link["sha256"],
                        "refusal": wrong.content[0].text.split(":")[0],
                    }
                )
            )


asyncio.run(main(*sys.argv[1:]))
