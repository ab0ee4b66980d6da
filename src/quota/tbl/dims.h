/* Dimensions: X(id, name, what). The order is that of the ledger's account ids: 3 bits. */
X(COST, "cost", "an amount of money")
X(TOKENS, "tokens", "tokens, input and output")
X(INPUT_TOKENS, "input_tokens", "input tokens")
X(OUTPUT_TOKENS, "output_tokens", "output tokens")
X(REQUESTS, "requests", "requests")
X(GENERATIONS, "generations", "images, videos and the like")
X(CONCURRENCY, "concurrency", "requests at a time")
