"""An agent framework runs on the gateway as it would on OpenAI."""

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from routing.models import LedgerEntry
from tests.flow.client import World


async def test_agent_calls_its_tool_and_answers_from_the_result(world: World) -> None:
    world.model("tools", is_routable=True)
    caller = world.caller()
    provider = OpenAIProvider(base_url=f"{caller.gateway.url}/v1", api_key=caller.secret)
    agent = Agent(OpenAIChatModel("auto", provider=provider))
    cities = []

    @agent.tool_plain
    def weather(city: str) -> str:
        """Return today's weather in a city."""
        cities.append(city)
        return "sunny"

    async with agent:
        result = await agent.run("How is the weather in Oslo?")

    assert cities == ["value"]
    assert result.output.startswith("tools: This is")
    assert LedgerEntry.objects.count() == 2
    assert list(LedgerEntry.objects.values_list("state", flat=True)) == ["settled", "settled"]


async def test_agent_streams_its_answer(world: World) -> None:
    world.model(is_routable=True)
    caller = world.caller()
    provider = OpenAIProvider(base_url=f"{caller.gateway.url}/v1", api_key=caller.secret)
    agent = Agent(OpenAIChatModel("auto", provider=provider))

    async with agent, agent.run_stream("Why is the sky blue?") as running:
        text = await running.get_output()
        usage = running.usage

    assert text.startswith("ok: This is")
    assert (usage.input_tokens, usage.output_tokens) == (5, 22)
