"""Solon: Constitutional AI, end to end.

The floors, from the ground up; a module imports only downward:

    errors, types                     what can go wrong; the nouns
    files, flow, settings             safe files; records as coroutines; the trainers' knobs
    memo, runs                        every model call stored by content; the run folder
    constitution                      principles: load, check, draw
    prompts                           every word said to a model
    engines                           models behind two verbs, generate and choose
    revision | feedback               critique and revise | judge and label
    data                              prompt files, datasets in TRL's columns
    training | evaluation             SFT, reward model, PPO | refusal, rates, intervals
    pipeline                          recipe, steps, run
    report | serve                    one HTML file | an OpenAI-compatible server
    cli                               one small file per verb
"""
