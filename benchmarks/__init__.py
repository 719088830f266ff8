"""Claims about speed, each measured beside a peer in the same run.

python -m benchmarks.start       # `hub search` beside `hf`
python -m benchmarks.load        # load_pipeline beside diffusers' own from_pretrained
python -m benchmarks.switch      # set_adapters of language modules beside diffusers' set_adapters of LoRAs
python -m benchmarks.languages   # eight prompts in five languages at once, beside one call per language
python -m benchmarks.search DIR  # any search among a million artifacts, beside one that ranks and counts every match
"""
