"""Solon: Constitutional AI, end to end.

The floors, from the ground up; a module imports only downward:

    errors, types                     what can go wrong; the nouns
    files, yaml, flow, settings, units  safe files and YAML; records as coroutines; knobs; quantities
    memo, runs                        every model call stored by content; the run folder
    constitution                      principles: load, lint, diff, import, draw
    prompts                           every word said to a model
    engines                           models behind two verbs, generate and choose
    choosing                          the principles that speak to a conversation
    revision | feedback               critique and revise | judge and label
    data | authoring                  prompt files, datasets in TRL's columns | draft, conflicts, preview
    training | evaluation             SFT, reward model, PPO | refusal, rates, intervals, attribution
    pipeline                          recipe, steps, run; plan: the run, counted
    report | serve                    one HTML file | an OpenAI-compatible server
    cli                               one small file per verb
"""
