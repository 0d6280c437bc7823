"""The trainer: programs that run by path in an environment of their own, and import nothing but each other.

python train.py JOB_DIR                           one LoRA training; see `job.py` for job.json
python probe.py JOB_DIR                           what that would take: three real steps, counted tokens, memory
python to_gguf.py BASE_CONFIG_DIR ADAPTER_DIR OUT an adapter as one GGUF file, for Ollama and llama.cpp
python from_gguf.py FILE OUT_DIR                  a GGUF file as a folder that can be trained
python rendering.py ADAPTER_DIR [ENGINE]          what the trainer makes of three conversations, to compare with
"""
