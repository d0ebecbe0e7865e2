#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does with every kind of kinds.yaml what users do, with the real kubectl, and prints what did not go as it must.

kinds.py KUBECONFIG FOLDER REQUEST STEP...
REQUEST: a certificate request in base 64. Steps: complete create columns update patch apply status refuse delete.
"""
import json
import os
import subprocess
import sys

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
NAME = "swept"


def merge(into, patch):
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    result = dict(into) if isinstance(into, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


class Sweep:
    def __init__(self, kubeconfig, folder, request):
        self.kubeconfig = kubeconfig
        self.folder = folder
        with open(os.path.join(HERE, "kinds.yaml")) as table:
            self.rows = yaml.safe_load(table.read().replace("@REQUEST@", request))
        self.problems = []
        for row in self.rows:
            row["name"] = row.get("name", NAME)
            head = {"apiVersion": row.get("version", "v1"), "kind": row["kind"], "metadata": {"name": row["name"]}}
            row["object"] = merge(head, row["object"])

    def kubectl(self, *arguments):
        command = ["kubectl", "--kubeconfig", self.kubeconfig, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        errors = [line for line in done.stderr.splitlines(True) if not line.startswith("Warning: ")]
        return done.returncode, done.stdout + "".join(errors)

    def problem(self, text):
        self.problems.append(text)

    def files(self, name, objects):
        folder = os.path.join(self.folder, name)
        os.makedirs(folder, exist_ok=True)
        for index, thing in enumerate(objects):
            with open(os.path.join(folder, "%03d.json" % index), "w") as file:
                json.dump(thing, file)
        return folder

    def all(self, verb, folder, *flags, answer):
        """Every object of the folder in one call, which says a line with answer for each."""
        status, output = self.kubectl(verb, "-f", folder, *flags)
        lines = [line for line in output.splitlines() if line.endswith(answer)]
        if status or len(lines) != len(self.rows):
            rest = [line for line in output.splitlines() if not line.endswith(answer)]
            self.problem("%s: %d of %d, status %d\n%s" % (verb, len(lines), len(self.rows), status, "\n".join(rest)))

    def stored(self, row):
        status, output = self.kubectl("get", row["resource"], row["name"], "-o", "json")
        if status:
            self.problem("get %s: %s" % (row["resource"], output))
            return {}
        return json.loads(output)

    # --- steps ---

    def complete(self):
        """Each resource that the API names and that can be created and read is in the table."""
        _, output = self.kubectl("api-resources", "--verbs=create,get,update,delete", "-o", "name")
        known = {row["resource"] for row in self.rows}
        for resource in output.split():
            if resource not in known:
                self.problem("not in the table: " + resource)
        for resource in known - set(output.split()):
            self.problem("not in the API: " + resource)

    def create(self):
        self.all("create", self.files("create", [row["object"] for row in self.rows]), answer=" created")

    def columns(self):
        for row in self.rows:
            status, output = self.kubectl("get", row["resource"], row["name"])
            header = " ".join(output.split("\n")[0].split())
            if status or header != row["columns"] or len(output.splitlines()) != 2:
                self.problem("get %s\nwant %s\n got %s" % (row["resource"], row["columns"], output))

    def update(self):
        objects = []
        for row in self.rows:
            objects.append(merge(self.stored(row), {"metadata": {"annotations": {"updated": "yes"}, "resourceVersion": None}}))
        self.all("replace", self.files("update", objects), answer=" replaced")

    def patch(self):
        for row in self.rows:
            wanted = row.get("merge", {"metadata": {"labels": {"patched": "yes"}}})
            status, output = self.kubectl("patch", row["resource"], row["name"], "--type=merge", "-p", json.dumps(wanted))
            if status or not output.strip().endswith(" patched"):
                self.problem("patch %s: %s" % (row["resource"], output))
                continue
            found = self.stored(row)
            if merge(found, wanted) != found or found["metadata"]["annotations"].get("updated") != "yes":
                self.problem("patch %s did not stay: %s" % (row["resource"], found))
            if "merge" in row and "generation" in found["metadata"] and found["metadata"]["generation"] < 2:
                self.problem("patch %s: generation is %s" % (row["resource"], found["metadata"]["generation"]))

    def apply(self):
        objects = [merge({key: row["object"][key] for key in ("apiVersion", "kind")}, {"metadata": {"name": row["name"], "labels": {"applied": "yes"}}}) for row in self.rows]
        self.all("apply", self.files("apply", objects), "--server-side", "--field-manager=sweep", answer=" serverside-applied")
        for row in self.rows:
            found = self.stored(row)["metadata"]
            if found.get("labels", {}).get("applied") != "yes":
                self.problem("apply %s: %s" % (row["resource"], found))

    def status(self):
        for row in self.rows:
            if "status" not in row:
                continue
            wanted = {"status": row["status"], "metadata": {"annotations": {"status": "patched"}}}
            status, output = self.kubectl("patch", row["resource"], row["name"], "--subresource=status", "--type=merge", "-p", json.dumps(wanted))
            if status:
                self.problem("status of %s: %s" % (row["resource"], output))

    def refuse(self):
        for row in self.rows:
            bad = merge(row["object"], row["bad"])
            folder = self.files("bad", [bad])
            status, output = self.kubectl("create", "-f", folder, "--dry-run=server")
            if not status or row["says"] not in output:
                self.problem("bad %s\nwant %s\n got %s" % (row["resource"], row["says"], output))

    def delete(self):
        self.all("delete", os.path.join(self.folder, "create"), answer="deleted")
        for row in self.rows:
            status, output = self.kubectl("get", row["resource"], row["name"])
            if not status or "(NotFound)" not in output:
                self.problem("after deletion, get %s: %s" % (row["resource"], output))


def main():
    sweep = Sweep(*sys.argv[1:4])
    for step in sys.argv[4:]:
        getattr(sweep, step)()
    print("\n".join(sweep.problems))
    sys.exit(1 if sweep.problems else 0)


if __name__ == "__main__":
    main()
