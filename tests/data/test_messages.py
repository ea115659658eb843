import json

import pytest

from gpt_exp.data.dialogue_lines import DialogueLines, messages
from gpt_exp.data.messages import Messages

TALK = [  # Of Topical-Chat.
    {"role": "user", "content": "Are you a football fan?"},
    {"role": "assistant", "content": "yes, I'm. a football fan."},
]
SHAREGPT = {"messages": "conversations", "role": "from", "content": "value"}
NAMES = {"user": "human", "assistant": "gpt"}


def write(path, value):
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return str(path)


def test_other_names_and_containers_give_the_same_conversations(tmp_path):
    expected = Messages(train=write(tmp_path / "a.jsonl", {"messages": TALK, "id": 1}))
    assert expected.read() == {"train": [{"messages": TALK}]}
    theirs = [{"from": NAMES[each["role"]], "value": each["content"]} for each in TALK]
    file = write(tmp_path / "b.json", [{"conversations": theirs}])
    by_name = write(tmp_path / "c.json", {"t_1": {"conversations": theirs, "config": "B"}})
    for name in (file, by_name):
        source = Messages(train=name, **SHAREGPT, roles={"human": "user", "gpt": "assistant"})
        assert source.fingerprint() == expected.fingerprint()


@pytest.mark.parametrize(
    "row, message",
    [
        (
            {"messages": [{"role": "bot", "content": "x"}]},
            r"role 'bot' is none of .*; set data\.roles",
        ),
        ({"conversations": TALK}, r"no list 'messages'; data\.messages can be one of: conversations"),
        ({"messages": [{"role": "user", "text": "x"}]}, r"data\.content=content; it has: role, text"),
    ],
)
def test_a_row_of_another_kind_is_refused_with_its_line(tmp_path, row, message):
    file = write(tmp_path / "a.jsonl", json.dumps({"messages": TALK}) + "\n" + json.dumps(row))
    with pytest.raises(ValueError, match=r"a\.jsonl:2: " + ".*" * (not message.startswith("role")) + message):
        Messages(train=file).read()


def test_a_role_that_no_conversation_has_is_refused_at_once(tmp_path):
    with pytest.raises(ValueError, match=r"data\.roles: bot is none of system, user, assistant, tool"):
        Messages(train=write(tmp_path / "a.jsonl", {}), roles={"gpt": "bot"})


def test_whoever_speaks_first_is_the_user_and_all_others_answer(tmp_path):
    dialogue = "#Person2#: Hi.\n#Person1#: Hello.\n#Person3#: Me too.\nStill me.\n#Person2#: Bye: #now#."
    parts = DialogueLines(val=write(tmp_path / "a.jsonl", {"dialogue": dialogue})).read()
    assert parts == {
        "val": [
            {
                "messages": [
                    {"role": "user", "content": "Hi."},
                    {"role": "assistant", "content": "Hello.\nMe too.\nStill me."},
                    {"role": "user", "content": "Bye: #now#."},
                ]
            }
        ]
    }


def test_lines_without_a_speaker_are_refused():
    with pytest.raises(ValueError, match=r"no speaker, as in '#Person1#: \.\.\.': 'Hello\.'"):
        messages("Hello.\n#Person1#: Hi.")
