-- Which phrases are kept for more than one class, and so tell none of them apart?
select
    t.text,
    count(distinct d.class_name) as classes,
    string_agg(distinct d.class_name, ', ' order by d.class_name) as class_names
from descriptors d
join texts t using (text_id)
where d.rejected = '' and d.slot <> 'name'
group by t.text
having count(distinct d.class_name) > 1
order by classes desc, t.text
