"""An agent of LangGraph over langchain-mcp-adapters. Its model is a script that reads the tools' real answers, so that no language
model is needed; everything else is what a person's agent does. Prints one JSON line. Run by npm run test:clients."""

import asyncio
import json
import os
import sys
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_mcp_adapters.client import MultiServerMCPClient


def structured(message: ToolMessage) -> dict[str, Any]:
    return message.artifact["structured_content"]


class Script(BaseChatModel):
    """Says which tool comes next."""

    dataset: str
    name: str

    @property
    def _llm_type(self) -> str:
        return "script"

    def bind_tools(self, tools, **kwargs):
        return self

    def _generate(self, messages, stop=None, run_manager=None, **kwargs) -> ChatResult:
        answers = {m.name: m for m in messages if isinstance(m, ToolMessage)}
        return ChatResult(generations=[ChatGeneration(message=self._next(answers))])

    def _next(self, answers: dict[str, ToolMessage]) -> AIMessage:
        def call(tool: str, **arguments) -> AIMessage:
            calls = [{"name": tool, "args": arguments, "id": f"{tool}-{len(answers)}"}]
            return AIMessage(content="", tool_calls=calls)

        if "create-training-config" not in answers:
            return call(
                "create-training-config",
                name=self.name,
                model_name="tiny",
                dataset_path=self.dataset,
                steps=60,
                test_prompts=["shape 1 on 20"],
            )
        if "run-training-with-guardrails" not in answers:
            return call(
                "run-training-with-guardrails",
                config_name=self.name,
                monitor_seconds=40,
                poll_interval_seconds=2,
            )
        job_id = structured(answers["run-training-with-guardrails"])["job_id"]
        watched = answers.get("watch-training-timeseries")
        if watched is None or not structured(watched)["done"]:
            cursor = {} if watched is None else {"cursor": structured(watched)["cursor"]}
            return call("watch-training-timeseries", job_id=job_id, duration_seconds=600, **cursor)
        if "create-download-link" not in answers:
            return call("create-download-link", job_id=job_id)
        link = structured(answers["create-download-link"])
        return AIMessage(
            content=json.dumps(
                {"job_id": job_id, "download_url": link["download_url"], "sha256": link["sha256"]}
            )
        )


async def main(url: str, dataset: str, name: str) -> None:
    headers = {"Authorization": f"Bearer {os.environ['TRAINYARD_TOKEN']}"}
    server = {"transport": "streamable_http", "url": url, "headers": headers}
    tools = await MultiServerMCPClient({"trainyard": server}).get_tools()
    agent = create_agent(Script(dataset=dataset, name=name), tools)
    state = await agent.ainvoke(
        {"messages": [("user", "Train a tiny model on my pictures.")]}, {"recursion_limit": 60}
    )
    called = [m.name for m in state["messages"] if isinstance(m, ToolMessage)]
    answer = json.loads(state["messages"][-1].content)
    print(json.dumps({**answer, "tools": len(tools), "calls": called}))


asyncio.run(main(*sys.argv[1:]))
