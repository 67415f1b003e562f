-- Which scenes have phrases of their own, and of how many classes?
select
    d.scene,
    count(distinct d.class_name) as classes,
    count(distinct d.descriptor_id) as descriptors
from descriptors d
where d.rejected = '' and d.scene <> '*'
group by d.scene
order by classes desc, d.scene
