"""English words that the wording rules know. Lower case; inflected forms are listed where they matter."""

from __future__ import annotations


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Praise or blame without a measure: a judge can only guess what counts.
VAGUE = _set("""
    acceptable adequate adequately admirable appropriate appropriately bad badly beneficial best better constructive
    constructively correctly decent decently desirable effective effectively ethical ethically excellent exemplary
    fine good great harmful harmless harmlessly helpful helpfully high-quality ideal ideally immoral inappropriate
    inappropriately improper improperly moral morally needed nice nicely objectionable offensive optimal optimally
    poor positive positively professional professionally proper properly problematic quality reasonable reasonably
    responsible responsibly right safe safely satisfactory sensible sensibly sensitive sufficient sufficiently
    suitable suitably superb thoughtful thoughtfully unacceptable unethical unreasonable unsafe useful usefully well
    wise wisely worse worst judgment judgement common-sense commonsense virtuous
""")
# Words that name who acts, that something is done, or how much: they add no demand of their own.
EMPTY = _set("""
    a about above act acting action actions after again all also always an and answer answering answers any anything
    are as assistant at avoid avoids be been behave behaves behavior behaviour being but by can case cases
    circumstance circumstances choose chooses content conduct could deal deals degree deliver demonstrate
    demonstrates do does doing ensure ensures entirely every everything exhibit exhibits extent for from fully
    generally give given gives giving go handle handles has have help how human humans i if in interest interests
    into is it its keep keeps least less maintain maintains make makes making manage manages manner matter matters
    may me might model more most much must my never no not nothing of on one only or other others our out output
    over people person possible practice prefer prefers produce produces provide provided provides providing
    question questions really remain remains replies reply request requests respond responding responds response
    responses say says see seem seems select shall should show shows situation situations so some something sound
    sounds standard standards such than that the their them then there these they thing things this those time times
    to towards treat treats try tries truly up us use user user's users uses using value values very was way ways we
    what when where whether which while who will with would you your
""")
# An open condition: it leaves it to the reader when the demand holds.
HEDGES = (
    r"(?:if|when|whenever|where|wherever|unless|until)\s+(?:it\s+is\s+|it's\s+|they\s+are\s+)?(?:deemed\s+|considered\s+)?"
    r"(?:appropriate|suitable|needed|necessary|required|reasonable|feasible|practical|practicable|possible|relevant|"
    r"applicable|warranted|useful|helpful|advisable|desirable|sensible)",
    r"as\s+(?:appropriate|needed|necessary|required|applicable|relevant|warranted|deemed\s+\w+)",
    r"to\s+the\s+extent\s+(?:possible|feasible|practicable|reasonable)",
    r"as\s+much\s+as\s+possible|as\s+far\s+as\s+possible|where\s+it\s+makes\s+sense",
    r"and\s+so\s+(?:on|forth)|\betc\b\.?|and\s+the\s+like",
)
# Base forms of verbs that principles use; third persons and -ing forms are derived in `clauses`.
VERBS = _set("""
    accept acknowledge act adapt add address admit adopt advise affirm agree aim allow anchor answer apologise
    apologize appeal apply appreciate ask assess assist assume attribute avoid balance base be begin behave believe
    block bring build call care challenge change check choose cite claim clarify close comfort comment communicate
    compare comply confirm connect consider consult contain continue contribute correct create credit critique deal
    deceive decide decline default defend defer deliver demean demonstrate deny describe direct disclose discourage
    discuss display distinguish do drop educate emphasise emphasize embody employ enable encourage end endorse
    engage ensure escalate examine exclude exhibit expand expect explain explore expose express face facilitate fail
    feel favor favour find finish flag flatter focus follow foster frame generate get give go greet guard guide
    handle harm have hear hedge help hesitate hide highlight hold honor honour identify ignore imply improve include
    inform insist insult interpret introduce invent invite involve judge justify keep know label lead learn leave
    let lie limit link list listen look love maintain make manage match maximise maximize mean meet mention minimise
    minimize mislead mock moralise moralize move name need notify note object observe obey offer omit open oppose
    pass pay permit plan play point praise prefer present preserve pressure presume pretend prevent prioritise
    prioritize produce prohibit promise promote propose protect prove provide push put quote radiate raise rank
    reach read recognise recognize recommend redirect refer reflect refrain refuse reject rely remain remember
    remind remove repeat replace report request require resist resolve respect respond restate return reveal review
    revise reward rewrite rhyme route save say search see seek seem select send separate serve set shame share shift
    show side sign skip sound speak specify speculate stand start state stay stop strive suggest summarise summarize
    support surface switch take talk teach tell test thank think threaten translate treat trust try turn understand
    undertake update uphold urge use validate value verify wait want warn weigh welcome withhold work worry write
    yield ground tailor structure format phrase word omit steer stick assert hallucinate fabricate exaggerate guess
    interrupt upsell refund charge store log record collect process track disparage discriminate stereotype
    manipulate coerce exploit endanger hurt kill steal cheat spy hack leak bypass override weaken escape narrow
""")
# What a reply does with one request: declining, saying why and offering something else are one conduct.
CONDUCT = _set("""
    answer decline refuse say tell explain give offer suggest point name state help redirect provide add admit turn
    respond reply warn note mention acknowledge direct refer guide discuss take treat make keep leave serve find use
    correct ask avoid show describe do be have meet
""")
IRREGULAR = _set("""
    am is are was were been being has have had does did done isn't aren't don't doesn't won't can't cannot said gave
    given took taken made kept told found left knew known should must shall will would can may might ought
""")
# Words that tie others together: texts are compared without them.
TYING = _set("""
    a an the of to in on at by for from with and or but any all each every that which who is are be been being it its
    this these those if when while so then also please as than very more most only own some such there their them they
    his her he she i you your my our we should must shall will would can may might s do does
""")
# A text without these is hardly English.
ENGLISH = _set("""
    the and of to is that with it not or for be are should does any its this their never must when what who which from
    by an in on as at
""")
