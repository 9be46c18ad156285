"""One picture of all rows: time beside the peer's, and the share of the machine's limit."""
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

# Text stays text: small, and readable in a diff.
plt.rcParams["svg.fonttype"] = "none"


def plot(rows, path):
    names = list(rows)
    figure, (times, shares) = plt.subplots(1, 2, sharey=True, figsize=(11, 0.45 * len(names) + 1.4))
    bars = times.barh(names, [rows[n]["ratio"] for n in names], color="#4878a8")
    times.bar_label(bars, fmt="%.2f", padding=3)
    times.axvline(1, color="black", linewidth=1)
    times.set_xlabel("time of qopt / time of ONNX Runtime (below 1: qopt is faster)")
    bars = shares.barh(names, [100 * rows[n]["share_of_limit"] for n in names], color="#78a848")
    shares.bar_label(bars, [f"{rows[n]['ours']:.0f} {rows[n]['unit']}" for n in names], padding=3)
    shares.axvline(100, color="black", linewidth=1)
    shares.set_xlabel("% of what this machine can read or multiply")
    times.invert_yaxis()
    for axes in (times, shares):
        axes.margins(x=0.15)
    figure.tight_layout()
    figure.savefig(path)
