#!python3
print("hello")
