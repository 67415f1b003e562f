-- How many descriptors, subclasses and scenes does each asked class have
-- from each model, and what was dropped?
with asked as (
    select sense, string_agg(distinct vocabulary, ', ' order by vocabulary) as vocabularies
    from classes
    group by sense
)
select
    q.class_name,
    coalesce(a.vocabularies, '') as vocabularies,
    q.model,
    count(distinct d.descriptor_id) filter (where d.rejected = '' and d.slot <> 'name') as descriptors,
    count(distinct d.subclass) filter (where d.rejected = '' and d.subclass <> '') as subclasses,
    count(distinct d.scene) filter (where d.rejected = '' and d.scene <> '*') as scenes,
    count(distinct d.descriptor_id) filter (where d.rejected <> '') as dropped,
    count(distinct q.request_key) filter (where d.request_key is null) as unanswered
from requests q
left join descriptors d using (request_key)
left join asked a using (sense)
where q.class_name <> ''
group by q.class_name, q.sense, a.vocabularies, q.model
order by descriptors, q.class_name, q.sense, q.model
