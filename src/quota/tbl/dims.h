/* Dimensions: X(id, name, what). The order is that of the ledger's account ids: 3 bits. */
X(COST, "cost", "Money billed: `50 usd/day`, `10 usd/24h`.")
X(TOKENS, "tokens", "Tokens, input and output: `1000000/day`, `200000/m`.")
X(INPUT_TOKENS, "input_tokens", "Input tokens, those from the provider's cache too.")
X(OUTPUT_TOKENS, "output_tokens", "Output tokens, reasoning too.")
X(REQUESTS, "requests", "Requests sent to a provider: `600/m`, `1000/day`.")
X(GENERATIONS, "generations", "Images, videos and speeches: `5/day`, `100/month`.")
X(CONCURRENCY, "concurrency", "Requests at a time: `50`.")
