-- Which requests have an answer that gave no descriptor, and why?
select q.class_name, q.scene, q.model, r.status, r.error, q.request_key
from responses r
join requests q using (request_key)
where r.status <> 'ok' and not exists (
    select 1 from responses x where x.request_key = r.request_key and x.status = 'ok'
)
order by q.class_name, q.scene, q.model, r.attempt, q.request_key, r.run_id
