/* lease_counts.h: what a member counts: X(name, help) */
X(calls, "Calls that were sent.")
X(items, "Accounts in them.")
X(voided, "Calls without an answer.")
X(returns, "Accounts that gave headroom back.")
X(refusals, "Answers that granted less than requests needed.")
X(epochs, "Epochs that were new.")
X(expired, "Accounts shut because the centre was not heard of them.")
