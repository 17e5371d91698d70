// Shows the node's health in words: the same sentences that `govault status` prints.
const status = document.getElementById("status");
const checks = document.getElementById("checks");

async function show() {
  try {
    const answer = await fetch("health", { headers: { accept: "application/json" } });
    const health = await answer.json();
    const words = { ok: "It is well.", degraded: "It works, and needs attention.", failing: "It is not well." };
    status.textContent = words[health.status] ?? "It does not say how it is.";
    status.className = "status " + (health.status === "ok" ? "good" : "bad");
    const failed = health.checks.filter((check) => !check.ok).map((check) => check.sentence);
    const found = health.findings.map((finding) => `${finding.what} ${finding.todo}`);
    const sentences = [...failed, ...found];
    checks.replaceChildren(...sentences.map((sentence) => {
      const item = document.createElement("li");
      item.textContent = sentence;
      return item;
    }));
  } catch {
    status.textContent = "It does not answer. Is it still running?";
    status.className = "status bad";
  }
}

show();
setInterval(show, 10000);
