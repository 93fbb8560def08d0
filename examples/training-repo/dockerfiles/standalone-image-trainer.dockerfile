# The image of image tasks. Put what your own trainer needs here: this one needs Python alone.
FROM python:3.12-slim
WORKDIR /workspace
COPY run.sh train.py stand-in.sh /workspace/
ENTRYPOINT ["sh", "/workspace/run.sh"]
