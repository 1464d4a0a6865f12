#!/usr/bin/python3
"""A source's system in Python: answers a broker's questions from a JSON file.

    source.py --server localhost:8443 --certificate mediant.pem --key mediant.key --ca roots.pem \
        --hat GGZ --values values.json

The file is that of `sluis source serve` (docs/casework.md): your own id of a person, then fields, each
{"text": ...}, {"boolean": ...}, {"integer": ...}, {"date": ...}, {"eurocents": ...}, {"token": ...},
{"json": {...}}, {"list": [...]}, {"objection": "SAFETY"} or {"none_held": true}.

Needs Debian's python3-grpcio, python3-protobuf and protobuf-compiler: the messages are generated from
proto/ when it starts. It keeps no value, and writes none to its output.
"""
import argparse
import json
import pathlib
import queue
import signal
import subprocess
import sys
import tempfile
import threading

import grpc

PROTOS = ["sluis/v1/source.proto", "sluis/v1/delivery.proto", "sluis/v1/value.proto",
          "sluis/policy/v1/facts.proto", "sluis/policy/v1/vocabulary.proto"]


def load_messages(root):
    """The classes of sluis/v1/source.proto."""
    with tempfile.TemporaryDirectory(prefix="sluis-source.") as out:
        subprocess.run(["protoc", "-I", str(root), "--python_out", out, *PROTOS], check=True)
        sys.path.insert(0, out)
        from sluis.v1 import delivery_pb2, source_pb2
        sys.path.remove(out)
    return source_pb2, delivery_pb2


def fill_value(value, said):
    """Writes {"text": ...} and its like into a sluis.v1.Value; what it is not stays empty."""
    (form, given), = said.items()
    if form == "list":
        for one in given:
            fill_value(value.list.values.add(), one)
    elif form == "json" and not isinstance(given, str):
        value.json = json.dumps(given)
    else:
        setattr(value, form, given)


class Source:
    """Answers questions until it is stopped."""

    def __init__(self, options):
        self.options = options
        self.source, self.delivery = load_messages(options.proto)
        self.stopped = threading.Event()
        self.call = None

    def channel(self):
        read = lambda path: pathlib.Path(path).read_bytes()
        credentials = grpc.ssl_channel_credentials(
            read(self.options.ca), read(self.options.key), read(self.options.certificate))
        # The stream is silent until somebody asks: look whether the broker is still there.
        return grpc.secure_channel(self.options.server, credentials, [
            ("grpc.keepalive_time_ms", 60000), ("grpc.keepalive_timeout_ms", 20000),
            ("grpc.http2.max_pings_without_data", 0)])

    def answer(self, question):
        """What is said to one question."""
        said = json.loads(pathlib.Path(self.options.values).read_text(encoding="utf-8"))
        of_subject = said.get(question.person_id or question.casus_id, {})
        request = self.source.AnswerRequest()
        request.answer.question_id = question.question_id
        for name in question.fields:
            one = of_subject.get(name, {"none_held": True})
            field = request.answer.fields.add(field=name)
            if "none_held" in one:
                field.none_held.SetInParent()
            elif "objection" in one:
                field.objection.ground = self.delivery.ObjectionGround.Id.Value(one["objection"])
            else:
                fill_value(field.content.value, one)
        return request

    def run_once(self):
        """One stream, from its beginning to its end."""
        out = queue.Queue()
        hello = self.source.AnswerRequest()
        hello.hello.hats.extend(self.options.hat)
        out.put(hello)
        with self.channel() as channel:
            stream = channel.stream_stream(
                "/sluis.v1.SourceService/Answer",
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=self.source.AnswerResponse.FromString)
            self.call = stream(iter(out.get, None))
            try:
                for response in self.call:
                    kind = response.WhichOneof("message")
                    if kind == "ready":
                        tell(event="connected", hats=self.options.hat)
                    elif kind == "question":
                        question = response.question
                        tell(event="question", question_id=question.question_id,
                             fields=list(question.fields), purpose=question.purpose,
                             recipient=f"{question.recipient.partij}/{question.recipient.hat}")
                        out.put(self.answer(question))
                    elif kind == "refused":
                        refused = response.refused
                        tell(event="refused", field=refused.field, reason=refused.reason)
            finally:
                out.put(None)  # ends the thread that sends

    def run(self):
        wait = 0.2
        while not self.stopped.is_set():
            try:
                self.run_once()
                tell(event="ended", reason="")
                wait = 0.2
            except grpc.RpcError as error:
                if self.stopped.is_set():
                    return
                tell(event="ended", reason=error.code().name)
            self.stopped.wait(wait)
            wait = min(wait * 2, 30)

    def stop(self, *_):
        self.stopped.set()
        if self.call is not None:
            self.call.cancel()


def tell(**event):
    print(json.dumps(event), flush=True)


def main():
    here = pathlib.Path(__file__).resolve()
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    for name in ("server", "certificate", "key", "ca", "values"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--hat", action="append", required=True)
    parser.add_argument("--proto", default=here.parents[3] / "proto", help="the folder proto/")
    source = Source(parser.parse_args())
    signal.signal(signal.SIGTERM, source.stop)
    signal.signal(signal.SIGINT, source.stop)
    source.run()


if __name__ == "__main__":
    main()
