"""The prose form of a constitution, lossless to and from YAML.

    ---
    name: house-rules                       front matter: YAML, every top-level key but the two below
    version: "1.0.0"
    ---

    What the constitution is for.           the description, as prose

    ## No help to hurt                      a principle; its id is the heading's slug, no-help-to-hurt
                                            (or the id itself: ## `no--help`)
    A good reply gives no help to …         its text, as prose

    > aim: harmless\\                        its aim, weight, source and phases, where they are not the default
    > source: UDHR, article 3

    ### Critique request                    also: Revision request, Comparison question
    Which words of the reply …

    ### Revision exemplar                   also: Comparison exemplar; as many as there are
    **Prompt:** …
    **Draft:** …

Prose is read as GitHub shows it: a line break folds to a space, an empty line separates paragraphs, a backslash
at the end of a line breaks it, list items and fenced code keep their lines, code spans are left as they are,
`\\#` is a plain #, `&nbsp;` a no-break space. Emphasis and links stay in the text as they are typed. What would be
lost is refused with file and line: HTML, rules, underlined headings, unknown sections.

HTML comments on lines of their own are kept: they are the `#` comments of the YAML form (`convert` says which
ones move).

lines.py     kinds of lines, blocks of lines        read.py       Markdown to plain data
inline.py    escapes, entities, code spans          details.py    fields and labelled parts
prose.py     paragraphs to text and back            write.py      a constitution to Markdown
names.py     headings, sections, labels             convert.py    YAML to Markdown and back, comments too
comments.py  `#` and `<!-- -->`                     place.py      which comment belongs where
"""

from solon.constitution.markdown.convert import from_yaml, to_yaml
from solon.constitution.markdown.read import parse
from solon.constitution.markdown.write import to_markdown

__all__ = ["from_yaml", "parse", "to_markdown", "to_yaml"]
