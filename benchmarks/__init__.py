"""Claims about speed, each measured beside a peer in the same run.

python -m benchmarks.start       # `hub search` beside `hf`
python -m benchmarks.load        # load_pipeline beside diffusers' own from_pretrained
python -m benchmarks.switch      # set_adapters of language modules beside diffusers' set_adapters of LoRAs
python -m benchmarks.search DIR  # any search among a million artifacts, beside one that ranks and counts every match
python -m benchmarks.languages   # eight prompts in eight languages at once, beside one call per language
python -m benchmarks.load_full   # load_pipeline of a full-size SD 1.5 beside from_pretrained: time and memory
python -m benchmarks.attach      # one more module at 1 and at 64 residents, beside load_lora_weights
python -m benchmarks.cost        # a module once for each image, beside mulankit's way: at every step
python -m benchmarks.cached      # a prompt whose embeddings are kept
python -m benchmarks.upload DIR  # an upload by Git LFS, by Xet and by the unmodified client, beside SHA-256 alone
python -m benchmarks.memory DIR  # a server's memory while 5 GB go up and down, beside 20 MB
python -m benchmarks.download DIR # downloads, by the server and by nginx in its place, beside nginx
python -m benchmarks.serve [DIR] # how a server starts, and how many searches it answers, beside prepared bytes

The four before those write 2.3 GB of random weights to a scratch folder and remove it; `--scratch DIR` keeps them there for the next.
They take `--device cuda`, too.
"""
