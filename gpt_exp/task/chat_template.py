"""Conversations as tokens: who speaks, what is said, where it ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from gpt_exp.interfaces import Tokenizer

ASSISTANT, SYSTEM = "assistant", "system"
Message = Mapping[str, str]  # {role, content}


class Turn(NamedTuple):
    """A message's tokens."""

    role: str
    prefix: list[int]  # Says who speaks.
    content: list[int]
    end: list[int]
    answer: int  # 1 for the assistant's first message, 2 for its second; 0 for anyone else's.

    @property
    def tokens(self) -> list[int]:
        return [*self.prefix, *self.content, *self.end]

    @property
    def answers(self) -> list[int]:
        """For each token `answer`, or 0 for what the assistant does not say itself."""
        return [0] * len(self.prefix) + [self.answer] * (len(self.content) + len(self.end))

    def cut(self, room: int) -> Turn:
        """At most `room` tokens: of an answer its end is left out, of what is read its beginning."""
        if self.answer:
            left = max(0, room - len(self.prefix))
            return self._replace(prefix=self.prefix[:room], content=self.content[:left], end=[])
        left = max(0, room - len(self.prefix) - len(self.end))
        return self._replace(content=self.content[max(0, len(self.content) - left) :])


class ChatTemplate:
    """`roles` gives the text before a role's messages; `end_of_turn` stands after each, null: `end_of_text`.

    Prefixes and contents are encoded apart, so that no token belongs to both.
    """

    def __init__(self, roles: Mapping[str, str], *, end_of_turn: str | None = None) -> None:
        if ASSISTANT not in roles:
            raise ValueError(f"task.roles has {', '.join(roles) or 'none'}, and must have {ASSISTANT}")
        if not all(roles.values()) or len(set(roles.values())) < len(roles):
            raise ValueError(f"task.roles={dict(roles)} must be different texts")
        if end_of_turn == "":
            raise ValueError("task.end_of_turn is empty; null takes the tokenizer's end of text")
        self.roles, self.end_of_turn = dict(roles), end_of_turn

    def turns(self, messages: Sequence[Message], tokenizer: Tokenizer) -> list[Turn]:
        """Raises ValueError for a role without a text."""
        found, answers = [], 0
        end = self.end(tokenizer)
        for message in messages:
            role, is_answer = message["role"], message["role"] == ASSISTANT
            answers += is_answer
            content = tokenizer.encode(self._said(role, message["content"]))
            number = answers if is_answer else 0
            found.append(Turn(role, self.prefix(role, tokenizer), content, end, number))
        return found

    def prefix(self, role: str, tokenizer: Tokenizer) -> list[int]:
        return tokenizer.encode(self._prefix(role))

    def end(self, tokenizer: Tokenizer) -> list[int]:
        return [tokenizer.end_of_text] if self.end_of_turn is None else tokenizer.encode(self.end_of_turn)

    def text(self, messages: Sequence[Message]) -> str:
        """For a reader: a line break where turns end by a token that has no text."""
        return "".join(self._lines(messages)).rstrip("\n")

    def _lines(self, messages: Sequence[Message]) -> Iterator[str]:
        for message in messages:
            yield self._prefix(message["role"]) + self._said(message["role"], message["content"])
            yield "\n" if self.end_of_turn is None else self.end_of_turn

    def _prefix(self, role: str) -> str:
        if role not in self.roles:
            raise ValueError(f"a message's role is {role!r}, none of task.roles: {', '.join(self.roles)}")
        return self.roles[role]

    def _said(self, role: str, content: str) -> str:
        """Words are tokens with the space before them."""
        return content if self._prefix(role)[-1].isspace() else f" {content}"


def newest(turns: Sequence[Turn], room: int) -> list[Turn]:
    """The last turns that fit into `room` tokens; what the system says first stays if it takes half at most.

    Of a single turn that does not fit a part is kept.
    """
    first = [turns[0]] if turns and turns[0].role == SYSTEM and 2 * len(turns[0].tokens) <= room else []
    room -= sum(len(turn.tokens) for turn in first)
    kept: list[Turn] = []
    for turn in reversed(turns[len(first) :]):
        if len(turn.tokens) > room:
            break
        kept.insert(0, turn)
        room -= len(turn.tokens)
    if not kept and len(turns) > len(first):
        kept = [turns[-1].cut(room)]
    return [*first, *kept]
