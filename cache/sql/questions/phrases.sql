-- Which phrases are kept, for which class, subclass and scene, and which model wrote them?
select d.class_name, d.scene, d.subclass, d.slot, t.text, q.model, q.prompt_id, d.request_key
from descriptors d
join texts t using (text_id)
join requests q using (request_key)
where d.rejected = ''
order by d.class_name, d.scene, d.subclass, d.rank, d.descriptor_id
