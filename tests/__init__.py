import os

# Fits of small tables are soonest done by one thread. Others would wait for work in a busy loop, and take the
# processors from other workers. numpy reads this at its first import, here and in every process that a test starts.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
