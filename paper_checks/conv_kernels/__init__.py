"""What wide convolutional networks learn (Cagnetta, Favero and Wyart, arXiv:2208.01003).

Numbers C1 to C5 are those of the notes on the paper.  The recursion and the setup were confirmed
in the authors' code; theorems are recalled, and all constants derived.
"""

from paper_checks.conv_kernels import constants, decay, learning, networks, one_layer, spectra

CLAIMS = (
    *spectra.CLAIMS,
    *networks.CLAIMS,
    *decay.CLAIMS,
    *constants.CLAIMS,
    *one_layer.CLAIMS,
    *learning.CLAIMS,
)
