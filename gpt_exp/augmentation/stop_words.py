"""English words that stay: function words have no synonyms that fit their place."""

from __future__ import annotations

# The list of EDA's own code, then what WordNet knows only in a rarer sense ("may" the month, "like" the
# verb), and words of so many uses that no synonym serves.
LIST = """
i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers
herself it its itself they them their theirs themselves what which who whom this that these those am is
are was were be been being have has had having do does did doing a an the and but if or because as until
while of at by for with about against between into through during before after above below to from up
down in out on off over under again further then once here there when where why how all any both each few
more most other some such no nor not only own same so than too very s t can will just don should now
would could may might must shall cannot need ought never ever yet also even still else
like unlike than though although since upon per via across along among around behind beside besides
beyond despite except inside near onto outside past toward towards without within
one two three four five six seven eight nine ten first second third us let lot much many little less
least every either neither nothing something anything everything someone anyone
make makes made making get gets got getting go goes went gone going come comes came coming take takes took
taken taking give gives gave given giving put puts putting become becomes became becoming
well enough quite rather almost away instead another always ca
"""
STOP_WORDS = frozenset(LIST.split())
