"""A run's data, models and settings as other trainers want them: OpenRLHF and verl. Neither is imported.

stage.py     what a stage of training is told     rows.py    their data files
openrlhf.py  argparse names, shell scripts        verl.py    Hydra keys, YAML and shell scripts
write.py     the folder                           names.json their argument names, by scripts/check_launchers.py
"""
