-- What did each run ask, when, and what did it cost?
select
    run_id,
    provider,
    served_model,
    count(*) as answers,
    sum(prompt_tokens) as prompt_tokens,
    sum(cached_tokens) as cached_tokens,
    sum(completion_tokens) as completion_tokens,
    sum(cost_usd) as known_cost_usd,
    count(*) filter (where cost_usd is null and status <> 'failed') as unpriced,
    min(created_at) as first_at
from responses
group by run_id, provider, served_model
order by first_at, run_id, provider, served_model
