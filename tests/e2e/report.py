# SPDX-License-Identifier: Apache-2.0
"""Does report.json hold every field that the interface promises, with sensible values? report.py FILE"""
import json, math, sys

r = json.load(open(sys.argv[1]), parse_constant=lambda s: sys.exit(f"{s} is no JSON"))
fault = []


def need(o, where, keys):
    for k in keys.split():
        if k not in o:
            fault.append(f"{where}.{k} is missing")


need(r, "report", "nngen model options target inputs outputs layers totals accuracy overflow verify time_s")
need(r["model"], "model", "file sha256 opset producer params macs")
for p in r["inputs"] + r["outputs"]:
    need(p, "port", "name shape W I signed")
for l in r["layers"]:
    need(l, f"layer {l.get('name')}",
         "name op shape params zeros W I min max saturated max_abs_err rms_err pruned dead proved_min proved_max format_from own_max_abs_err own_rms_err output_rms_err sqnr_db adders mults luts ffs dsps brams latency table_bits estimated")
need(r["totals"], "totals", "adders adder_bits mults luts ffs dsps brams latency_cycles ii_cycles depth")
need(r["accuracy"], "accuracy", "samples source max_abs_err rms_err argmax_agreement float_metric fixed_metric saturations wraps")
need(r["overflow"], "overflow", "proved runtime_checked")
if len(r["model"]["sha256"]) != 64:
    fault.append("model.sha256")
if r["totals"]["ii_cycles"] != 1 or r["totals"]["latency_cycles"] < 1:
    fault.append("latency or II")
if not sum(l.get("adders", 0) for l in r["layers"]) <= r["totals"]["adders"]:
    fault.append("the layers have more adders than the whole")
if not r["layers"]:
    fault.append("no layers")
print("\n".join(fault) or "complete")
sys.exit(bool(fault))
