"""Developers' programs: is the working tree slower than another commit?"""
