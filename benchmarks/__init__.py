"""Benchmarks of speed and memory, each measured against a peer in the same run.

python -m benchmarks.start       # `hub search` against `hf`
python -m benchmarks.load        # load_pipeline against diffusers' from_pretrained
python -m benchmarks.switch      # set_adapters of language modules against diffusers' set_adapters of LoRAs
python -m benchmarks.search DIR  # searches among a million artifacts, against one that ranks and counts every match
python -m benchmarks.languages   # eight prompts in eight languages in one call, against one call per language
python -m benchmarks.load_full   # load_pipeline of a full-size SD 1.5 against from_pretrained: time and memory
python -m benchmarks.attach      # one more module with 1 and 64 loaded modules, against load_lora_weights
python -m benchmarks.cost        # a module once per image, against mulankit, which runs it at every step
python -m benchmarks.cached      # a prompt whose embeddings are cached
python -m benchmarks.upload DIR  # uploads by Git LFS, by Xet and by the unmodified client, against SHA-256 alone
python -m benchmarks.memory DIR  # a server's memory while 5 GB are uploaded and downloaded, against 20 MB
python -m benchmarks.download DIR # downloads from the server, and from the server behind nginx, against nginx alone
python -m benchmarks.serve [DIR] # startup and searches per second of a server, against prepared responses
python -m benchmarks.files       # requests for files in repositories of 10,000 and 99,000 files, against one of 10
python -m benchmarks.detection   # how often a prompt is taken for English, or English for a module's language
python -m benchmarks.gpu_check   # everything that a GPU can show, on a GPU or an imitated one

`load_full`, `attach`, `cost` and `cached` write 2.3 GB of random weights to a temporary folder; `--scratch DIR` keeps them for the next
run. These four also accept `--device cuda`.
"""
