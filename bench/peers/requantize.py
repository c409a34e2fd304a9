"""Writes a GGUF as Q4_0, by llama.cpp's own quantiser.

usage: requantize.py FROM.gguf TO.gguf
"""
import ctypes
import sys

import llama_cpp


def main():
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0
    parameters.allow_requantize = True
    source, target = (path.encode() for path in sys.argv[1:])
    return llama_cpp.llama_model_quantize(source, target, ctypes.byref(parameters))


if __name__ == "__main__":
    sys.exit(main())
