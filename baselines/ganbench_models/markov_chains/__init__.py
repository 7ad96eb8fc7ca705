"""Deep generative stochastic network.

Source: *Deep Generative Stochastic Networks Trainable by Backprop*, Y. Bengio, E. Thibodeau-Laufer, G. Alain,
J. Yosinski, 2014, and the program its authors published for it (`run_gsn.py`).
"""
