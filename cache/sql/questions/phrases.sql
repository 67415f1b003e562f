-- Which phrases are kept, for which class of which vocabularies, for which subclass and scene, and
-- which model wrote them?
with asked as (
    select sense, string_agg(distinct vocabulary, ', ' order by vocabulary) as vocabularies
    from classes
    group by sense
)
select
    d.class_name, coalesce(a.vocabularies, '') as vocabularies, d.scene, d.subclass, d.slot, t.text,
    q.model, q.prompt_id, q.sense, d.request_key
from descriptors d
join texts t using (text_id)
join requests q using (request_key)
left join asked a using (sense)
where d.rejected = ''
order by d.class_name, d.scene, d.subclass, d.rank, d.descriptor_id
