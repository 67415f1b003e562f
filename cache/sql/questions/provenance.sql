-- Who wrote the descriptors: model, prompt, provider and dialect, with answers, tokens, cost and dates?
select
    q.model,
    q.prompt_id,
    r.provider,
    r.dialect,
    r.served_model,
    count(distinct q.request_key) as requests,
    count(*) filter (where r.status = 'ok') as accepted,
    count(*) filter (where r.status not in ('ok', 'failed')) as unusable,
    count(*) filter (where r.status = 'failed') as failed,
    sum(r.prompt_tokens) as prompt_tokens,
    sum(r.completion_tokens) as completion_tokens,
    sum(r.cost_usd) as known_cost_usd,
    count(*) filter (where r.cost_usd is null and r.status <> 'failed') as unpriced,
    min(r.created_at) as first_at,
    max(r.created_at) as last_at
from responses r
join requests q using (request_key)
group by q.model, q.prompt_id, r.provider, r.dialect, r.served_model
order by first_at, q.model, q.prompt_id, r.provider, r.dialect, r.served_model
