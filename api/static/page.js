// Shows the node's health in words: the same sentences that `govault status` prints.
const status = document.getElementById("status");
const checks = document.getElementById("checks");

async function show() {
  try {
    const answer = await fetch("health", { headers: { accept: "application/json" } });
    const health = await answer.json();
    const well = health.status === "ok";
    status.textContent = well ? "It is well." : "It needs attention.";
    status.className = "status " + (well ? "good" : "bad");
    checks.replaceChildren(...(health.checks ?? []).map((check) => {
      const item = document.createElement("li");
      item.textContent = check.sentence ?? check.message ?? check.name;
      if (check.status && check.status !== "ok") item.className = "bad";
      return item;
    }));
  } catch {
    status.textContent = "It does not answer. Is it still running?";
    status.className = "status bad";
  }
}

show();
setInterval(show, 10000);
